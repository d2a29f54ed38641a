-- Entities picked at random, as Feast's wire has them. Arguments after `--`: rows a request,
-- entities. Ends with one line of JSON.
local rows, entities
init = function(args)
  rows, entities = tonumber(args[1]), tonumber(args[2])
  math.randomseed(7)
end
local headers = { ['Content-Type'] = 'application/json' }
request = function()
  local ids = {}
  for i = 1, rows do ids[i] = math.random(0, entities - 1) end
  local body = '{"feature_service":"all","entities":{"entity":[' .. table.concat(ids, ',') .. ']}}'
  return wrk.format('POST', '/get-online-features', headers, body)
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
