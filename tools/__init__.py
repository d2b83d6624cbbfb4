"""Programs for whoever works on this repository; the product uses none of them."""
