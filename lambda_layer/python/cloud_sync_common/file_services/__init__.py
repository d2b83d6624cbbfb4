"""What services that keep files of every kind have in common, for the providers that speak to them: the cursor of a
listing, what a file's name and times say, the paths of folders, the renewal of tokens, what refusals mean."""
