// This file holds the queue of tickets: first in, first out, except for those that leave
// it because their waiting time is over.

package lane

// queue is a doubly linked list through its tickets. The zero value is empty.
type queue struct {
	first, last *Ticket
	n           int
}

func (q *queue) empty() bool { return q.first == nil }

// push puts a ticket at the end.
func (q *queue) push(t *Ticket) {
	t.in, t.prev, t.next = q, q.last, nil
	if q.last == nil {
		q.first = t
	} else {
		q.last.next = t
	}
	q.last = t
	q.n++
}

// pop takes the first ticket out of a queue that is not empty.
func (q *queue) pop() *Ticket {
	t := q.first
	q.remove(t)
	return t
}

// remove takes out a ticket that is in the queue.
func (q *queue) remove(t *Ticket) {
	if t.prev == nil {
		q.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.in, t.prev, t.next = nil, nil, nil
	q.n--
}
