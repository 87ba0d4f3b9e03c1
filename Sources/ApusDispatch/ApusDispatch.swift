// ApusDispatch
