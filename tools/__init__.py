"""Programs that make this repository's pictures and pages; the product uses none of them."""
