// ApusControl
