(function () {
  const d = new Map();
  for (let i = 1; i <= 1000; i++) {
    d.set("T-" + i, i);
  }
  return d.size;
})
