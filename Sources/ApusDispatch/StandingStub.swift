package import ApusPorts

extension BrokerDispatcher {
    package func standing(of offset: Int64, trigger: String) -> DeliveryStanding? { nil }
}
