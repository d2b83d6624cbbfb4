"""The cost of a library on AWS: the model behind docs/cost.md, which `make cost` writes."""
