"""What the catalogue says of an archived item, and how it comes to know it."""
