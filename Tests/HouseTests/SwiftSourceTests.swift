import Testing

/// The house's rules are only as good as the eye that reads the sources.
@Suite struct `The scanner of Swift sources` {
    private func code(_ text: String) -> String {
        String(decoding: SwiftSource(path: "Sources/Room/File.swift", bytes: Array(text.utf8)).code, as: UTF8.self)
    }

    @Test(arguments: [
        ("let a = 1 // Date()", "let a = 1          "),
        ("/* a /* b */ c */ d", "                  d"),
        (#"f("Date()") + g"#, "f(        ) + g"),
        (#"f("a \(b("c")) d") + g"#, "f(     b(   )    ) + g"),
        (##"f(#"a " \(b)"#, c)"##, "f(            , c)"),
        ("f(\"\"\"\n a \" b\n \"\"\")", "f(   \n      \n    )"),
        (#"f("\"", g)"#, "f(    , g)"),
        ("func `a // name's \"text`() {}", "func                    () {}"),
        ("f(#/a\"b/#, g)", "f(       , g)"),
        ("#if DEBUG\na\n#endif", "#if DEBUG\na\n#endif"),
    ])
    func `blanks what is no code`(text: String, expected: String) { #expect(code(text) == expected) }

    @Test func `finds imports with their access and kind`() {
        let text =
            "public import NIOCore\n@testable import ApusPorts\nimport struct Foundation.Data\n// import Yams\nlet imports = 1\n"
        let imports = SwiftSource(path: "a.swift", bytes: Array(text.utf8)).imports
        #expect(imports.map(\.module) == ["NIOCore", "ApusPorts", "Foundation"])
        #expect(imports.map(\.line) == [1, 2, 3])
    }

    @Test func `finds a word where it starts and not inside of another`() {
        let source = SwiftSource(path: "a.swift", bytes: Array("reprint(a)\nprint(b)\n\"print(c)\"\n\"\\(print(d))\"\n".utf8))
        #expect(source.linesOfCode(with: "print(") == [2, 4])
    }

    @Test func `measures functions from their name to their last brace`() {
        let text = """
            protocol P {
                func bare(a: Int) -> Int
                var b: Int { get }
            }
            struct S {
                init(
                    a: Int = { 1 }()
                ) {
                    self.init()
                }
                func one() { if a { b } }
                func three(
                    _ x: [Int]
                ) async throws -> Int {
                    1
                }
            }

            """
        let lengths = SwiftSource(path: "a.swift", bytes: Array(text.utf8)).functionLengths
        #expect(lengths == [.init(line: 6, lines: 5), .init(line: 11, lines: 1), .init(line: 12, lines: 5)])
    }
}
