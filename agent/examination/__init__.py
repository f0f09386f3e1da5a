"""What the doctor looks at, a module for each kind of part: what is typed at the prompt, and what is made of the answer."""
