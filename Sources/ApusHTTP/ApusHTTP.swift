// ApusHTTP
