local d = {}
for i = 1, 1000 do
  d["T-" .. i] = i
end
return d["T-1000"]
