-- One row of 16 features for one of N models, as an Open Inference Protocol v2 body.
--   wrk -s peer-row.lua URL -- N columns|matrix
-- columns: a tensor a feature, by name; matrix: one tensor [1, 16], as MLServer reads fastest.
local body, models
local headers = { ['Content-Type'] = 'application/json' }

init = function(args)
  models = tonumber(args[1])
  local values, columns = {}, {}
  for i = 0, 15 do
    local value = string.format('%.3f', i * 1.237 - 7)
    values[#values + 1] = value
    columns[#columns + 1] = string.format(
      '{"name":"f%d","shape":[1,1],"datatype":"FP32","data":[%s]}', i, value)
  end
  if args[2] == 'columns' then
    body = '{"inputs":[' .. table.concat(columns, ',') .. ']}'
  else
    body = '{"inputs":[{"name":"x","shape":[1,16],"datatype":"FP32","data":['
      .. table.concat(values, ',') .. ']}]}'
  end
  math.randomseed(7)
end

request = function()
  local path = string.format('/v2/models/bench.m%05d/infer', math.random(0, models - 1))
  return wrk.format('POST', path, headers, body)
end
