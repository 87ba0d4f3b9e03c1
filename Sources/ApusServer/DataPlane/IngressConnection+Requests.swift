import ApusHTTP
import ApusIntake
import ApusPorts
import CloudEvents
import NIOCore

// What a request goes through, in the order of promise 4.
extension IngressConnection {
    func take(_ head: RequestHead) {
        let form = self.form(of: head)
        switch IngressRoute(head) {
        case .options: answer(head, form, .options)
        case .health: answer(head, form, .healthy)
        case .readiness: answer(head, form, .ready(loop.shared.isReady()))
        case .refused(let refusal):
            target = ("", "")
            if head.method == .post { remember(refusal, of: RefusedEvents.of(head, body: [])) }
            answer(head, form, .refused(refusal))
        case .event(let namespace, let broker): takeEvent(head, form, (namespace, broker))
        }
    }

    private func form(of head: RequestHead) -> AnswerForm {
        let keeps = head.keepsConnection && !loop.isStopping
        return AnswerForm(
            closes: !keeps, saysKeepAlive: keeps && head.version == .http10, omitsBody: head.method == .head)
    }

    private func takeEvent(_ head: RequestHead, _ form: AnswerForm, _ target: (namespace: String, broker: String)) {
        self.target = target
        guard head.framing != .none else {
            accept(head, form)
            return
        }
        var limits = self.limits.http
        let intake = loop.shared.intake.limits
        limits.bodyBytesMax = Self.isBatch(head) ? intake.batchBytesMax : intake.eventBytesMax
        do throws(HTTPError) {
            reader = try BodyReader(head.framing, limits: limits)
        } catch {
            remember(tooLarge(head), of: RefusedEvents.of(head, body: []))
            answer(head, form, .refused(tooLarge(head)))
            return
        }
        request = head
        phase = .body
        owesContinue = head.expectsContinue
    }

    /// Reads what is there of the body; true once it is whole and the request has been passed on.
    func takeBody() throws(HTTPError) -> Bool {
        guard let head = request else { return false }
        let before = body.count
        do throws(HTTPError) {
            let isWhole = try reader?.read(&input, into: &body) ?? true
            loop.partialBodiesBytes += body.count - before
            guard isWhole else {
                guard loop.partialBodiesBytes > limits.partialBodiesBytesMax else { return false }
                let refusal = IntakeRefusal(
                    .queueFull, "Too many requests are being read at once; send again a little later.", retryAfterSeconds: 1)
                remember(refusal, of: RefusedEvents.of(head, body: []))
                refuse(refusal)
                return false
            }
        } catch {
            loop.partialBodiesBytes += body.count - before
            guard error.code == .bodyTooLarge else { throw error }
            remember(tooLarge(head), of: RefusedEvents.of(head, body: []))
            refuse(tooLarge(head))
            return false
        }
        loop.partialBodiesBytes -= body.count
        reader = nil
        request = nil
        phase = .head
        accept(head, form(of: head))
        return true
    }

    /// Decodes a whole request and passes it to the one door.
    private func accept(_ head: RequestHead, _ form: AnswerForm) {
        let bytes = body
        body = []
        if form.closes { phase = .closing }
        let number = owe(form)
        let intake = loop.shared.intake
        let message: DecodedMessage
        do throws(CloudEventError) {
            message = try HTTPBinding.decode(headers: head.headers, body: bytes, limits: intake.limits.format)
        } catch {
            let refusal = IntakeRefusal(error)
            remember(refusal, of: RefusedEvents.of(head, body: bytes))
            _ = answer(number, with: .refused(refusal))
            return
        }
        do throws(IntakeRefusal) {
            let accepted = try intake.accept(
                message, body: bytes, headers: ForwardedHeader.travelling(in: head.headers, withTrace: true),
                namespace: target.namespace,
                broker: target.broker, receiver: loop, token: token(of: number))
            if let accepted { _ = answer(number, with: .accepted(accepted)) }
        } catch {
            remember(error, of: RefusedEvents.of(message))
            _ = answer(number, with: .refused(error))
        }
    }

    /// Answers from the head alone. A body that follows is dropped where it is small enough; else the connection closes.
    private func answer(_ head: RequestHead, _ form: AnswerForm, _ answer: IngressAnswer) {
        var form = form
        var limits = self.limits.http
        limits.bodyBytesMax = self.limits.refusedBodyBytesMax
        // Whoever waits for leave to send the body may send it or not after this: where the next request begins is unknown.
        if head.expectsContinue { form.closes = true }
        if !form.closes, head.framing != .none {
            do throws(HTTPError) {
                reader = try BodyReader(head.framing, limits: limits)
                phase = .refusedBody
            } catch {
                form.closes = true
            }
        }
        if form.closes { phase = .closing }
        _ = owe(form, answer)
    }

    private func tooLarge(_ head: RequestHead) -> IntakeRefusal {
        let limits = loop.shared.intake.limits
        return Self.isBatch(head)
            ? IntakeRefusal(.batchTooLarge, "The batch is larger than the \(limits.batchBytesMax) bytes that are taken.")
            : IntakeRefusal(.eventTooLarge, "The event is larger than the \(limits.eventBytesMax) bytes that are taken.")
    }

    /// Whether the body will be a batch: only its bound is chosen by this; the binding reads the media type.
    private static func isBatch(_ head: RequestHead) -> Bool {
        head.headers.has("content-type", beginningWith: "application/cloudevents-batch")
    }
}
