// ApusResources
