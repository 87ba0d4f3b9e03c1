// ApusDelivery
