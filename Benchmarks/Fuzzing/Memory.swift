/// Whether memory grows: of every 4096 inputs one runs again and again, and must leave as much allocated as it found.
enum Memory {
    private static let period = 4096
    nonisolated(unsafe) private static var inputs = 0

    static func check(_ body: () -> Void) {
        body()
        inputs += 1
        guard inputs.isMultiple(of: period) else { return }
        let before = mallinfo2().uordblks
        for _ in 0..<8 { body() }
        let after = mallinfo2().uordblks
        agree(after <= before, "8 runs of one input left \(Int(after) - Int(before)) bytes behind")
    }
}
