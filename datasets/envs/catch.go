package envs

import "selfsup/datasets"

// catch is a paddle that is to be under a ball when that comes down: worth 1, and -1 where it is not. The ball falls
// by 2 pixels a step and drifts by 1 at most; from a wall it bounces. Its drift is not to be seen in one observation.
type catch struct{}

const (
	ballSide    = 2 // pixels
	fall        = 2 // pixels a step
	paddleWide  = 6
	paddleHigh  = 2
	paddleMove  = 2
	ballMost    = Side - ballSide
	paddleMost  = Side - paddleWide
	ballLowest  = Side - paddleHigh - ballSide
	catchBallX  = common // places of a state
	catchBallY  = common + 1
	catchDrift  = common + 2
	catchPaddle = common + 3
)

func (catch) actions() []string { return []string{"left", stay, "right"} }
func (catch) size() int         { return 4 }
func (catch) limit() int        { return Side }
func (catch) sources() []string { return []string{"ball x", "ball y", "paddle x"} }

func (catch) start(s state, r *datasets.Rand) {
	s[catchBallX], s[catchBallY], s[catchDrift] = int32(r.Intn(ballMost+1)), 0, int32(r.Intn(3)-1)
	s[catchPaddle] = int32(r.Intn(paddleMost/paddleMove+1) * paddleMove)
}

func (catch) step(s state, action int) (float64, bool) {
	s[catchPaddle] = int32(clamp(int(s[catchPaddle])+paddleMove*(action-1), paddleMost))
	fallOn(s)
	if s[catchBallY] < ballLowest {
		return 0, false
	}
	if x, p := s[catchBallX], s[catchPaddle]; x+ballSide > p && x < p+paddleWide {
		return 1, true
	}
	return -1, true
}

// fallOn moves the ball by a step.
func fallOn(s state) {
	s[catchBallY] = min(s[catchBallY]+fall, ballLowest)
	x := s[catchBallX] + s[catchDrift]
	if x < 0 || x > ballMost {
		s[catchDrift] = -s[catchDrift]
		x = s[catchBallX] + s[catchDrift]
	}
	s[catchBallX] = x
}

func (catch) draw(s state, c *canvas) {
	c.box(int(s[catchPaddle]), Side-paddleHigh, paddleWide, paddleHigh, colour{240, 230, 120})
	c.box(int(s[catchBallX]), int(s[catchBallY]), ballSide, ballSide, colour{230, 60, 50})
}

func (catch) truth(s state, dst []float64) {
	dst[0], dst[1], dst[2] = share(s[catchBallX], ballMost), share(s[catchBallY], ballLowest),
		share(s[catchPaddle], paddleMost)
}

// expert goes to where the ball comes down.
func (catch) expert(s state) int {
	var then [common + 4]int32
	copy(then[:], s)
	for then[catchBallY] < ballLowest {
		fallOn(then[:])
	}
	centre, ball := s[catchPaddle]+paddleWide/2, then[catchBallX]+ballSide/2
	switch {
	case ball < centre-1:
		return 0
	case ball > centre+1:
		return 2
	}
	return 1
}

func (catch) words(state) string { return "catch the ball" }
