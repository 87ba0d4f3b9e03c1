import ApusPorts
import ApusResources
import ApusTesting
import KafkaClient
import TestSupport
import Testing

@testable import SourceKafka

/// The source on real (mock) brokers. A first member of a group waits three seconds there.
@Suite(.timeLimit(.minutes(2))) struct `A KafkaSource` {
    @Test func `passes CloudEvents, wraps the rest, buries what is broken, and commits behind all of it`() async throws {
        let scene = try await Scene.start()
        let event = [("specversion", "1.0"), ("id", "e1"), ("source", "/s"), ("type", "t")].map {
            KafkaHeader("ce_\($0.0)", Array($0.1.utf8))
        }
        try await scene.send(["a"])
        try await scene.send(["b"], headers: event)
        try await scene.send(["broken"], headers: Array(event.dropFirst(2)))
        try await scene.send(["c"])
        let failure = try await scene.run(scene.resource(#""initialOffset": "earliest","#)) {
            try await scene.wait { scene.bodies.count == 3 }
        }
        #expect(failure == nil)
        #expect(scene.bodies == ["a", "b", "c"])
        #expect(scene.ids == ["partition:0/offset:0", "e1", "partition:0/offset:3"])
        #expect(scene.emitter.buried.map(\.origin) == ["orders partition 0 offset 2"])
        #expect(scene.emitter.buried.map(\.bytes) == [Array("broken".utf8)])
        #expect(scene.reporter.readiness.last == .ready)
        #expect(try await scene.committed() == [0: 4])
    }

    @Test func `commits nothing that its sink did not take, and emits it when it is back`() async throws {
        let scene = try await Scene.start()
        try await scene.send(["a", "b", "c"])
        scene.emitter.setScript { _, _ in EmitFailure(.unavailable, message: "The sink is away.") }
        let resource = try scene.resource(#""initialOffset": "earliest","#)
        try await scene.run(resource) {
            let words = try await scene.waitForReason("SinkUnavailable")
            #expect(words == "The sink is away.")
        }
        #expect(try await scene.committed() == [:])
        scene.emitter.setScript { call, events in
            call == 1 ? EmitFailure(.unavailable, kept: events.count > 1 ? 1 : 0, message: "The sink is away.") : nil
        }
        try await scene.run(resource) { try await scene.wait { scene.bodies.count == 3 } }
        #expect(scene.bodies == ["a", "b", "c"], "what was kept of a batch is not emitted twice")
        #expect(scene.reporter.readiness.last == .ready)
        #expect(try await scene.committed() == [0: 3])
    }

    @Test func `that begins at the end misses nothing that comes while it is away`() async throws {
        let scene = try await Scene.start()
        try await scene.send(["before"])
        let resource = try scene.resource()
        try await scene.run(resource) { try await scene.waitUntilReady() }
        #expect(try await scene.committed() == [0: 1], "where it began is committed before anything came")
        try await scene.send(["between"])
        try await scene.run(resource) { try await scene.wait { !scene.bodies.isEmpty } }
        #expect(scene.bodies == ["between"])
    }

    @Test func `whose offset is no longer there goes on with the first record that is`() async throws {
        let scene = try await Scene.start()
        try await scene.send(["a", "b"])
        let other = try KafkaConsumer(KafkaConfiguration(bootstrapServers: scene.cluster.bootstrapServers), group: "g")
        try await other.commit([KafkaPosition(KafkaPartition("orders", 0), offset: 50)])
        await other.close()
        #expect(try await scene.committed() == [0: 50])
        try await scene.run(scene.resource()) { try await scene.wait { scene.bodies.count == 2 } }
        #expect(try await scene.committed() == [0: 2])
    }

    @Test func `that need not keep order emits batches at once, and commits what is behind all of them`() async throws {
        let scene = try await Scene.start(partitions: 2)
        let values = (0..<2000).map(String.init)
        for partition in 0..<2 as Range<Int32> { try await scene.send(values, partition: partition) }
        let resource = try scene.resource(#""initialOffset": "earliest", "ordering": "unordered", "consumers": 2,"#)
        try await scene.run(resource) { try await scene.wait { Set(scene.ids).count == 4000 } }
        #expect(Set(scene.ids).count == 4000)
        #expect(try await scene.committed(2) == [0: 2000, 1: 2000])
    }

    @Test func `keeps the order of each partition`() async throws {
        let scene = try await Scene.start(partitions: 2)
        for partition in 0..<2 as Range<Int32> {
            try await scene.send((0..<3000).map { "\(partition)-\($0)" }, partition: partition)
        }
        try await scene.run(scene.resource(#""initialOffset": "earliest","#)) {
            try await scene.wait { scene.bodies.count >= 6000 }
        }
        for partition in 0..<2 {
            let own = scene.bodies.filter { $0.hasPrefix("\(partition)-") }
            #expect(own == (0..<3000).map { "\(partition)-\($0)" })
        }
    }

    /// Nothing comes while the group takes the other in or lets it go: the mock refuses commits then, which Kafka does not.
    @Test func `shares its partitions with another, and takes them back, without a record twice`() async throws {
        let one = try await Scene.start(partitions: 4), two = one.another()
        let resource = try one.resource(#""initialOffset": "earliest","#)
        @Sendable func send() async throws {
            for partition in 0..<4 as Range<Int32> { try await one.send(["a", "b", "c"], partition: partition) }
        }
        try await send()
        try await one.run(resource) {
            while try await one.committed(4) != [0: 3, 1: 3, 2: 3, 3: 3] { try Task.checkCancellation() }
            try await two.run(resource) {
                for scene in [one, two] { try await scene.waitUntilAssigned(2) }
                try await send()
                try await two.wait { two.ids.count == 6 }
            }
            try await one.waitUntilAssigned(4)
            try await send()
            try await one.wait { one.ids.count + two.ids.count >= 36 }
        }
        #expect(two.ids.count >= 6)
        #expect(Set(one.ids + two.ids).count == 36 && one.ids.count + two.ids.count == 36)
        #expect(try await one.committed(4) == [0: 9, 1: 9, 2: 9, 3: 9])
    }

    @Test func `that is stuck in its sink does not hold up its group for long`() async throws {
        let one = try await Scene.start(), two = one.another()
        try await one.send(["a", "b"])
        let resource = try one.resource(#""initialOffset": "earliest","#)
        one.hold.close()
        try await one.run(resource) {
            try await one.wait { one.hold.isWaitedFor }
            // One partition: it comes to one of the two, whichever the group says.
            try await two.run(resource) { try await two.waitUntilReady() }
            one.hold.open()
            try await one.wait { one.ids.count + two.ids.count >= 2 }
        }
        #expect(Set(one.ids + two.ids) == ["partition:0/offset:0", "partition:0/offset:1"])
    }

    @Test func `says which server is down, and goes on by itself when it is back`() async throws {
        let scene = try await Scene.start()
        try await scene.send(["a"])
        try await scene.cluster.takeDown(1)
        try await scene.run(scene.resource(#""initialOffset": "earliest","#)) {
            let words = try await scene.waitForReason("BrokersUnreachable")
            #expect(words.contains("onnect"), "\(words)")
            try await scene.cluster.bringUp(1)
            try await scene.wait { !scene.bodies.isEmpty }
            try await scene.waitUntilReady()
        }
        #expect(scene.bodies == ["a"])
    }

    @Test func `says which topic is missing, and goes on by itself when it is there`() async throws {
        let scene = try await Scene.start()
        try await scene.cluster.failTopic("orders", code: 3)
        try await scene.run(scene.resource(#""initialOffset": "earliest","#)) {
            let words = try await scene.waitForReason("TopicMissing")
            #expect(words.contains("Unknown topic"), "\(words)")
            try await scene.cluster.failTopic("orders", code: 0)
            try await scene.send(["a"])
            try await scene.wait { !scene.bodies.isEmpty }
            try await scene.waitUntilReady()
        }
        #expect(scene.bodies == ["a"])
    }

    private func net(_ type: String = "PLAIN") -> String {
        let reference = { (name: String) in #""\#(name)": {"secretKeyRef": {"name": "kafka", "key": "\#(name)"}}"# }
        return #""net": {"sasl": {"enable": true, \#(reference("user")), \#(reference("password")), \#(reference("type"))}},"#
    }

    @Test func `that has no Secrets says where they are to be put`() async throws {
        let scene = try await Scene.start()
        let failure = try await scene.run(scene.resource(net())) {}
        #expect(failure?.reason == "SecretMissing")
        #expect(failure?.message.contains("DIR/shop/kafka/") == true)
    }

    @Test func `shows no value of a Secret, whatever is wrong with it`() async throws {
        var scene = try await Scene.start()
        for type in ["PLAIN", "s3cret"] {
            scene.secrets = SecretLookup { (_, _, key) throws(SecretFailure) in Array((key == "type" ? type : "s3cret\n").utf8) }
            let current = scene
            let failure = try await current.run(current.resource(net())) {
                // The mock knows no SASL, and answers so.
                if type == "PLAIN" { try await current.wait { !current.reporter.readiness.isEmpty } }
            }
            if type == "s3cret" { #expect(failure?.reason == "SecretInvalid") }
            #expect(!"\(failure.map { "\($0)" } ?? "") \(current.reporter.readiness)".contains("s3cret"))
        }
    }
}
