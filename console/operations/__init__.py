"""What can be known of a stack, and done with it: typed values, without any printing.

The command shows them, and a web page can.
"""
