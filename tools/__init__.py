"""Programs that make pictures for this repository's pages; the product uses none of them."""
