"""More than one machine: thin adapters by which Ray runs the commands' batches and the page's jobs."""
