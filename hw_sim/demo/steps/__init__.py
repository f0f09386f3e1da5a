"""The demo's steps. Each does one thing on the stage, measures it, and says whether the promise held."""
