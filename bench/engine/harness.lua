-- Runs a program for at least a given time and prints the nanoseconds of one
-- run. Arguments: seconds, number wanted, text wanted. The program is read from
-- standard input; its file is compiled once, as in the engines under measure.
local least, number, text = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local program = assert(load(io.read("a"), "program"))

local function batch(n)
  local start = os.clock()
  for _ = 1, n do
    local got, label = program({ limit = 100 })
    if got ~= number or (label or "") ~= text then
      error("wrong answer: " .. tostring(got) .. " " .. tostring(label))
    end
  end
  return os.clock() - start
end

local n = 1
local spent = batch(n)
while spent < least do
  -- Aim a fifth past the mark, so that the next batch is the last one.
  n = math.max(n + 1, math.min(n * 100, math.ceil(1.2 * n * least / math.max(spent, 1e-6))))
  spent = batch(n)
end
print(string.format("%.3f", spent / n * 1e9))
