"""Programs for whoever works on this repository or deploys it; the product uses none of them."""
