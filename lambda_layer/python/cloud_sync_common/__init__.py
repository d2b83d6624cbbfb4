"""The house: everything that runs inside the functions, in floors; each module imports only the floors below it."""
