"""Around the sensors: their tasks, the open batches, and what a private zone holds back."""
