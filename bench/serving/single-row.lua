-- One row of 16 features for a model picked at random out of 10,000, as an Open Inference
-- Protocol v2 body.
local inputs = {}
for i = 0, 15 do
  inputs[#inputs + 1] = string.format(
    '{"name":"f%d","shape":[1,1],"datatype":"FP32","data":[%.3f]}', i, i * 1.237 - 7)
end
local body = '{"inputs":[' .. table.concat(inputs, ',') .. ']}'
local headers = { ['Content-Type'] = 'application/json' }
math.randomseed(7)
request = function()
  local path = string.format('/v2/models/bench.m%05d/infer', math.random(0, 9999))
  return wrk.format('POST', path, headers, body)
end
