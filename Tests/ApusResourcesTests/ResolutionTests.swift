import ApusResources
import EventFilters
import Testing

@Suite struct `A destination` {
    private func resolver() throws -> DestinationResolver {
        var names = NameTable()
        try names.add(flag: "default/Service/display=http://display:9000/in/")
        let map = try Resource(
            json: Array(
                """
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "apus-names"},
                 "data": {"shop/Service/hook": "https://hook/?a=b", "default/Service/display": "http://later/"}}
                """.utf8))
        guard case .configMap(let configMap) = map else { throw FieldErrors([]) }
        names.add(configMap)
        return DestinationResolver(names: names) { namespace, name in
            name == "orders" ? "http://127.0.0.1:8080/\(namespace)/orders" : nil
        }
    }

    private func reference(_ kind: String, _ name: String, namespace: String? = nil) -> KReference {
        KReference(
            apiVersion: kind == "Broker" ? "eventing.knative.dev/v1" : "v1", kind: kind, name: name, namespace: namespace)
    }

    @Test func `is an absolute URL, a Broker, or a name that was given`() throws {
        let resolver = try resolver()
        func url(_ ref: KReference?, _ uri: String? = nil) -> String? {
            resolver.resolve(DestinationSpec(ref: ref, uri: uri), namespace: "default").destination?.url
        }
        #expect(url(nil, "https://example.com/a?b") == "https://example.com/a?b")
        #expect(url(reference("Broker", "orders")) == "http://127.0.0.1:8080/default/orders")
        #expect(url(reference("Broker", "orders", namespace: "shop")) == "http://127.0.0.1:8080/shop/orders")
        #expect(url(reference("Service", "display")) == "http://display:9000/in/")
        #expect(url(reference("Service", "hook", namespace: "shop")) == "https://hook/?a=b")
        #expect(url(reference("Service", "display"), "/other?x") == "http://display:9000/other?x")
        #expect(url(reference("Service", "display"), "more") == "http://display:9000/in/more")
        #expect(resolver.resolve(nil, namespace: "default") == .notConfigured)
    }

    @Test func `that cannot be found says what would help`() throws {
        let resolver = try resolver()
        func failure(_ ref: KReference?, _ uri: String? = nil) -> Resolution {
            resolver.resolve(DestinationSpec(ref: ref, uri: uri), namespace: "default")
        }
        #expect(
            failure(reference("Broker", "none"))
                == .failed("brokers.eventing.knative.dev \"none\" not found in namespace default"))
        #expect(
            failure(reference("Service", "hook"))
                == .failed(
                    "Service \"hook\" (v1) is not known here: give its URL in the ConfigMap apus-names "
                        + "or with --resolve default/Service/hook=URL"))
        #expect(failure(nil, "bad://uri") == .failed("\"bad://uri\" is neither http nor https"))
        #expect(
            failure(nil, "http://u:p@a/")
                == .failed("\"http://u:p@a/\" has a user name or a password, which is not supported: leave it out"))
        for port in ["0", "65536", "999999", "-1"] {
            let url = "http://a:\(port)/"
            #expect(failure(nil, url) == .failed("the port of \"\(url)\" is not a number from 1 to 65535"))
        }
        for url in ["http://a:65535/", "http://a:/", "http://[::1]/", "https://[::1]:8443"] {
            #expect(failure(nil, url).destination?.url == url)
        }
        #expect(failure(nil, "/relative") == .failed("\"/relative\" is not an absolute URL"))
        #expect(failure(nil) == .failed("expected at least one, got none: ref, uri"))
    }

    @Test(arguments: ["display=http://a", "a/b/c/d=http://a", "default/Service/x", "default/Service/x=/y", "D/S/x=http://a"])
    func `is not named by a flag that is wrong`(flag: String) {
        var names = NameTable()
        #expect(throws: FieldError.self) { try names.add(flag: flag) }
    }
}

@Suite struct `The fields' documentation` {
    private let everything = """
        {"apiVersion": "eventing.knative.dev/v1", "kind": "KIND", "metadata": {}, "spec": {
          "config": {}, "brokerRef": {}, "filter": {}, "filters": [{}], "subscriber": {"ref": {}},
          "delivery": {"deadLetterSink": {"ref": {}}}, "sink": {"ref": {}}, "deadLetters": {}}}
        """

    @Test(arguments: ["Broker", "Trigger", "ConfigMap", "Replay"])
    func `names every field that the parser knows, and no other`(kind: String) throws {
        var text = everything.replacing("KIND", with: kind)
        if kind == "ConfigMap" { text = text.replacing("eventing.knative.dev/v1", with: "v1") }
        if kind == "Replay" { text = text.replacing("eventing.knative.dev/v1", with: "apus.dev/v1alpha1") }
        // A list is not empty, so that the fields of its items are asked for; a name, so that reading goes on behind metadata.
        text = text.replacing("\"metadata\": {}", with: "\"metadata\": {\"name\": \"a\"}")
        let asked = Resource.fieldsAsked(of: try JSONReader.document(Array(text.utf8)))
        let documented = Set(FieldDocs.all.filter { $0.kind == kind }.map(\.path)).filter { !$0.contains("annotations[") }
        #expect(documented.subtracting(asked).sorted() == [])
        #expect(asked.subtracting(documented).sorted() == [])
    }

    @Test func `names every annotation that is accepted, and no other`() {
        func annotations(_ kind: String) -> [String] {
            FieldDocs.all.filter { $0.kind == kind && $0.path.contains("annotations[apus.dev/") }.map(\.path).sorted()
        }
        #expect(annotations("Broker") == Annotation.ofBroker.map(Annotation.path).sorted())
        #expect(annotations("Trigger") == Annotation.ofTrigger.map(Annotation.path).sorted())
    }

    @Test func `has one sentence for each path`() {
        let keys = FieldDocs.all.map { "\($0.kind) \($0.path)" }
        #expect(Set(keys).count == keys.count)
        for doc in FieldDocs.all { #expect(doc.text.hasSuffix("."), "\(doc.path)") }
    }

    @Test func `explains a field and what is below it`() {
        #expect(FieldDocs.explain(kind: "trigger", path: "spec.filters").map(\.path).first == "spec.filters")
        #expect(FieldDocs.explain(kind: "Trigger", path: "spec.filters").count == 8)
        #expect(FieldDocs.explain(kind: "triggers", path: "spec.filters.exact").map(\.path) == ["spec.filters[].exact"])
        #expect(FieldDocs.explain(kind: "broker").count == FieldDocs.broker.count)
        #expect(FieldDocs.explain(kind: "broker", path: "spec.nothing").isEmpty)
    }
}

@Suite struct `A file` {
    @Test func `has a limit on its size, and is UTF-8`() {
        func message(_ bytes: [UInt8]) -> String {
            do {
                _ = try Manifests.load([Manifests.Source(file: "a.yaml", bytes: bytes)])
                return "loaded"
            } catch {
                return error.description
            }
        }
        let comment = Array(String(repeating: "#", count: 1_048_576).utf8)
        #expect(message(comment) == "loaded")
        #expect(message(comment + [0x0A]) == "a.yaml: has 1048577 bytes, more than 1048576 a file")
        #expect(message([0xFF]) == "a.yaml: is not UTF-8")
        #expect(message([0xEF, 0xBB, 0xBF, 0x0A]) == "loaded")
    }

    @Test func `is named where the same resource stands in another`() {
        let text = "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: b}\n"
        #expect(
            throws: FieldErrors([
                FieldError(
                    file: "b.yaml", document: 1, line: 1, path: "metadata.name",
                    message: "Broker default/b is given twice; it stands at a.yaml:1 already")
            ])
        ) {
            _ = try Manifests.load([.init(file: "a.yaml", text: text), .init(file: "b.yaml", text: text)])
        }
    }

    @Test func `that is wrong does not hide the errors of the next`() {
        let sources = [
            Manifests.Source(file: "a.yaml", text: "kind: [\n"), Manifests.Source(file: "b.json", text: "{"),
            Manifests.Source(file: "c.yaml", text: "kind: X\n"),
        ]
        do {
            _ = try Manifests.load(sources)
            Issue.record("three broken files were loaded")
        } catch {
            #expect(error.errors.map(\.file) == ["a.yaml", "b.json", "c.yaml"])
        }
    }

    @Test func `that says the same is the same, whoever owns it`() throws {
        let text = "{\"apiVersion\": \"eventing.knative.dev/v1\", \"kind\": \"Broker\", \"metadata\": {\"name\": \"b\"}}"
        let first = try Resource(json: Array(text.utf8))
        var stored = first
        stored.metadata.uid = "u"
        stored.metadata.generation = 4
        #expect(stored.isSameManifest(as: first) && stored.hasSameSpec(as: first) && stored != first)
        stored.metadata.annotations["a"] = "b"
        #expect(!stored.isSameManifest(as: first) && stored.hasSameSpec(as: first))
    }
}
