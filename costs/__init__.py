"""What a library costs on AWS: the arithmetic behind docs/cost.md, which `make cost` writes."""
