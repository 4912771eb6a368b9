-- post.lua FILE: for wrk: POSTs the lines of a file in turn to /predict, and says what came back as JSON.
local requests, count, next = {}, 0, 0

function init(args)
  for line in io.lines(args[1]) do
    count = count + 1
    requests[count] = wrk.format("POST", "/predict", { ["Content-Type"] = "application/json" }, line)
  end
end

function request()
  next = next % count + 1
  return requests[next]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"bytes":%d,"wrong":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
