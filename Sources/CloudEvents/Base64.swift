/// Base64 with the alphabet and padding of RFC 4648 section 4, strict both ways.
public enum Base64 {
    public static func encode(_ bytes: [UInt8]) -> String { fatalError("Base64.encode is being built") }
    /// nil for anything that is not exactly canonical: other characters, missing padding.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? { fatalError("Base64.decode is being built") }
}
