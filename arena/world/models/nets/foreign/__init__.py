"""Networks of other libraries, by the names that these give them: they are installed beside."""
