import ApusPorts
import Foundation

/// Secrets as a volume of Kubernetes has them: `DIR/NAMESPACE/NAME/KEY`, one file a key, read each time that it is asked for.
enum SecretFolder {
    static func lookup(_ folder: String) -> SecretLookup {
        SecretLookup { (namespace, name, key) throws(SecretFailure) in
            let place = "\(folder)/\(namespace)/\(name)/\(key)"
            guard [namespace, name, key].allSatisfy(isName) else {
                throw SecretFailure("The Secret \(name) or its key \(key) has a name that no Secret can have.")
            }
            // A folder and a pipe are no values; a link is followed, as Kubernetes makes them.
            let path = URL(fileURLWithPath: place).resolvingSymlinksInPath().path
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            guard attributes?[.type] as? FileAttributeType == .typeRegular, let data = FileManager.default.contents(atPath: path)
            else {
                throw SecretFailure("There is no file \(place) that can be read.")
            }
            guard data.count <= Limits.secretBytesMax else {
                throw SecretFailure("The file \(place) is \(data.count) bytes large; \(Limits.secretBytesMax) are the most.")
            }
            return Array(data)
        }
    }

    /// Kubernetes' names of Secrets and of their keys, so that no reference leads out of the folder.
    private static func isName(_ text: String) -> Bool {
        let isAllowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isAllowed && (1...253).contains(text.utf8.count) && !text.hasPrefix("..") && text != "."
    }
}
