(function () {
  let s = 0;
  for (let i = 1; i <= 100000; i++) {
    s = s + i;
  }
  return s;
})
