"""`make mutants`: changes the core modules, one small change at a time, and says which changes no test notices."""
