-- wrk's part of the load: requests with one cookie after the other, and its figures as JSON.

local requests = {}
local turn = 0

function init(args)
  local cookies = args[1]
  if cookies then
    for cookie in io.lines(cookies) do
      requests[#requests + 1] = wrk.format("GET", nil, { Cookie = cookie })
    end
  else
    requests[1] = wrk.format("GET")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failures":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
