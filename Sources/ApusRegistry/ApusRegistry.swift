// ApusRegistry
