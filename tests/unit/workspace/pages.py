"""Pages as models write them: good ones, and each with one of the faults that only a browser sees."""

from __future__ import annotations

CANVAS = "<canvas id=c width=800 height=600></canvas>"

GOOD = {
    "good.html": "<link rel=stylesheet href=sub/style.css><h1>Well</h1><script src=sub/good.js></script>",
    "sub/style.css": "h1 { color: teal }",
    "sub/good.js": "console.log('fine'); console.warn('hm'); alert('a dialog stops nothing')",
    "animation.html": f"""<body style="margin:0;background:#024">{CANVAS}<script>
const ctx = c.getContext('2d'), ball = {{x: 100, y: 100, vx: 4, vy: 3}};
function frame() {{
  ctx.fillStyle = '#024'; ctx.fillRect(0, 0, 800, 600);
  ball.x += ball.vx; ball.y += ball.vy;
  if (ball.x < 40 || ball.x > 760) ball.vx *= -1;
  if (ball.y < 40 || ball.y > 560) ball.vy *= -1;
  ctx.fillStyle = 'orange'; ctx.beginPath(); ctx.arc(ball.x, ball.y, 40, 0, 7); ctx.fill();
  requestAnimationFrame(frame);
}}
frame();
</script>""",
    "below.html": '<div style="height: 2000px"></div><p>what is painted is far below</p>',
}

BAD = {
    "constant.html": f"""{CANVAS}<h1>Ball</h1><script>
const speed = 8;
function frame() {{
  speed /= 2;
  requestAnimationFrame(frame);
}}
requestAnimationFrame(frame);
</script>""",
    "shadow.html": f"""{CANVAS}<h1>Aquarium</h1><script>
const fish = [{{x: 1}}, {{x: 2}}];
function frame() {{
  for (let fish of fish) fish.x += 1;
}}
requestAnimationFrame(frame);
</script>""",
    "undefined.html": "<h1>Bubbles</h1><script>setTimeout(() => { drawBubbles() }, 20)</script>",
    "type.html": "<h1>Score</h1><script>\ndocument.getElementById('score').textContent = 0\n</script>",
    "blank.html": "<title>nothing</title><div></div>",
    "unpainted.html": f"{CANVAS}<script>const ctx = c.getContext('2d')</script>",
    "request.html": "<h1>Cat</h1><img src=https://example.com/cat.png><script src=gone.js></script>",
    "console.html": "<h1>Log</h1><script>console.error('the score is wrong', 7)</script>",
    "rejection.html": "<h1>Data</h1><script>Promise.reject(new Error('no data'))</script>",
    "hushed.html": "<h1>Hush</h1><script>onerror = () => true; throw new Error('hushed')</script>",
    "worker.html": "<h1>Worker</h1><script>new Worker('worker.js')</script>",
    "worker.js": "self.board.cells = 1",
}

NEVER = {"never.html": "<h1>Hi</h1><script>while (true) {}</script>"}
