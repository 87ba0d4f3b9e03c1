/// Whether memory grows: of every 4096 inputs one runs again and again, and must not leave something behind each time.
enum Memory {
    private static let period = 4096
    private static let runs = 64
    /// The smallest that malloc hands out. Less than one a run is malloc's own: what it keeps at hand counts as allocated.
    private static let chunkBytes = 32
    nonisolated(unsafe) private static var inputs = 0

    static func check(_ body: () -> Void) {
        body()
        inputs += 1
        guard inputs.isMultiple(of: period) else { return }
        let before = Int(mallinfo2().uordblks)
        for _ in 0..<runs { body() }
        let grown = Int(mallinfo2().uordblks) - before
        agree(grown < runs * chunkBytes, "\(runs) runs of one input left \(grown) bytes behind")
    }
}
