set -eu

for program in ip ss nstat sysctl python3; do
	command -v "$program" > /dev/null || { echo "$program is missing" >&2; exit 1; }
done

lab="mptcp-$$"
dir=$(mktemp -d)
workers=""

clean() {
	trap '' INT TERM
	for pid in $workers; do kill "$pid" 2>/dev/null || :; done
	ip netns list | while read -r ns rest; do
		case $ns in "$lab"-*)
			for pid in $(ip netns pids "$ns"); do kill -9 "$pid" 2>/dev/null || :; done
			ip netns delete "$ns"
		esac
	done
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT TERM

# host NAME: a host, which uses an address only on the link that it belongs to.
hosts=""
host() {
	ip netns add "$lab-$1"
	ip -n "$lab-$1" link set lo up
	ip netns exec "$lab-$1" sysctl -eqw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv4.tcp_congestion_control=reno net.ipv4.tcp_rmem="4096 4194304 33554432"
	hosts="$hosts $1"
}

# set_sysctl HOST NAME=VALUE...
set_sysctl() { ns="$lab-$1"; shift; ip netns exec "$ns" sysctl -qw "$@"; }

# up HOST DEV: waits until an interface transmits.
up() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		case $(ip -n "$lab-$1" -o link show dev "$2") in *"state UP"*) return; esac
		sleep 0.1
	done
	echo "$1: $2 did not come up" >&2
}

# refused COMMAND...: one that was refused.
refused() { if "$@"; then echo "NOT REFUSED, unlike in the case: $*"; fi; }

# step TEXT
step() { echo; echo "== $1"; }

# subflows HOST N: waits until it has so many, as in the case.
subflows() {
	n=x
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		n=$(ip netns exec "$lab-$1" ss -HtnOi state established | grep -c tcp-ulp-mptcp) || :
		if [ "$n" = "$2" ]; then echo "$1: $n subflows"; return; fi
		sleep 0.1
	done
	echo "$1: $n subflows, UNLIKE in the case: $2"
}

# look: what a person looks at.
look() {
	for h in $hosts; do
		echo "-- $h"
		ip netns exec "$lab-$h" ss -HMnai
		ip netns exec "$lab-$h" ss -HtnOi
		ip netns exec "$lab-$h" nstat -as 'MPTcpExt*'
	done
}

# Each socket is a process, which takes commands from one FIFO and answers in another one. It sends zeros, and takes anything.
cat > "$dir/worker.py" <<'END'
import os, socket, struct, sys

folder, name = sys.argv[1:]
protocols = {"mptcp": 262, "tcp": socket.IPPROTO_TCP}


def make(protocol, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, protocols[protocol])
    made.settimeout(10)
    return made


def take(s, n):
    while n > 0:
        data = s.recv(min(n, 1 << 16))
        if not data:
            raise OSError("the stream ended, %d bytes early" % n)
        n -= len(data)


class Worker:
    def __init__(self, name, s=None):
        self.socket = s
        self.commands = os.fdopen(os.open(folder + "/" + name + ".in", os.O_RDWR), "rb", 0)
        self.answers = os.open(folder + "/" + name + ".out", os.O_RDWR)

    def listen(self, protocol, address, port):
        self.socket = make(protocol, address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind((address, int(port)))
        self.socket.listen(128)

    def accept(self, name):
        s, _ = self.socket.accept()
        if os.fork() == 0:
            self.socket.close()
            s.settimeout(10)
            Worker(name, s).run()
        s.close()

    def connect(self, protocol, local, local_port, remote, port):
        self.socket = make(protocol, remote)
        if local != "-":
            self.socket.bind((local, int(local_port)))
        self.socket.connect((remote, int(port)))

    def send(self, n):
        self.socket.sendall(bytes(int(n)))

    def receive(self, n):
        take(self.socket, int(n))

    def peek(self, n):
        self.socket.recv(int(n), socket.MSG_PEEK)

    def end(self):
        if self.socket.recv(1):
            raise OSError("data, and no end of the stream")

    def shutdown(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def abort(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def run(self):
        while True:
            command, *words = self.commands.readline().decode().split()
            try:
                getattr(self, command)(*words)
                answer = "ok"
            except (OSError, AttributeError) as e:
                answer = "%s: %s" % (command, e)
            os.write(self.answers, (answer + "\n").encode())


Worker(name).run()
END

# socket HOST NAME: starts the process of a socket. Should it end early, whoever waits for its answer is told, and nobody waits to command it.
socket() {
	fifos "$2"
	{
		ip netns exec "$lab-$1" python3 "$dir/worker.py" "$dir" "$2" || :
		while :; do echo "its process has ended" > "$dir/$2.out"; done
	} 9<> "$dir/$2.in" &
	workers="$workers $!"
}

fifos() { mkfifo "$dir/$1.in" "$dir/$1.out"; }

# start NAME COMMAND...: lets a socket do something.
start() { name=$1; shift; echo "$name: $*"; echo "$*" > "$dir/$name.in"; }

# finish NAME: waits until it has done what was started last.
finish() { read -r answer < "$dir/$1.out"; [ "$answer" = ok ] || echo "$1: FAILED: $answer"; }

# run NAME COMMAND...: both.
run() { start "$@"; finish "$1"; }

# ---- what the case does ----
