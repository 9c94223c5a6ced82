//go:build linux

package forward

// heap has the frame that is due next at its head. Those due at the same time keep the order in which they were pushed.
type heap struct {
	frames []*frame
	pushed uint64
}

func (f *frame) before(g *frame) bool { return f.due < g.due || f.due == g.due && f.seq < g.seq }

func (h *heap) len() int { return len(h.frames) }

// head is the next frame, nil if there is none.
func (h *heap) head() *frame {
	if len(h.frames) == 0 {
		return nil
	}
	return h.frames[0]
}

func (h *heap) push(f *frame) {
	f.seq = h.pushed
	h.pushed++
	h.frames = append(h.frames, f)
	s, i := h.frames, len(h.frames)-1
	for parent := (i - 1) / 2; i > 0 && f.before(s[parent]); parent = (i - 1) / 2 {
		s[i] = s[parent]
		i = parent
	}
	s[i] = f
}

// pop removes the head, which there must be.
func (h *heap) pop() *frame {
	top, last := h.frames[0], len(h.frames)-1
	f := h.frames[last]
	h.frames[last] = nil
	h.frames = h.frames[:last]
	if last > 0 {
		h.sink(f)
	}
	return top
}

// sink puts f in place of the head.
func (h *heap) sink(f *frame) {
	s, i := h.frames, 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if right := child + 1; right < len(s) && s[right].before(s[child]) {
			child = right
		}
		if !s[child].before(f) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = f
}
