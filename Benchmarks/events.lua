-- Binary-mode CloudEvents of 1 KiB with 12 headers, each with an id that no other has: wrk -s events.lua URL -- DEPTH SEED
-- DEPTH requests are written at once on each connection (1: wrk waits for each answer).
local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(arguments)
    depth = tonumber(arguments[1]) or 1
    prefix = (arguments[2] or "bench") .. "-" .. thread_number .. "-"
    number = 0
    local body = string.rep("x", 1024)
    head = table.concat({
        "POST " .. wrk.path .. " HTTP/1.1", "Host: " .. wrk.host .. ":" .. wrk.port, "User-Agent: bench", "Accept: */*",
        "ce-specversion: 1.0", "ce-type: com.example.bench", "ce-source: /bench", "ce-subject: item",
        "ce-time: 2026-01-01T00:00:00Z", "x-request-id: bench", "Content-Type: text/plain",
        "Content-Length: " .. #body, "ce-id: " .. prefix,
    }, "\r\n")
    tail = "\r\n\r\n" .. body
end

local function one()
    number = number + 1
    return head .. number .. tail
end

function request()
    if depth == 1 then return one() end
    local batch = {}
    for i = 1, depth do batch[i] = one() end
    return table.concat(batch)
end

-- One line for the script: requests a second, answers other than 2xx, errors of the socket, median and 99th percentile in µs.
-- wrk counts the statuses that are above 399.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %.0f %d %d %d %d\n", summary.requests / (summary.duration / 1e6), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
