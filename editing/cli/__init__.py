"""The command line: flags made from the options, one loop over pictures, one file per command."""
