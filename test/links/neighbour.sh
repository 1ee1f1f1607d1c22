#!/bin/sh
# A network of two machines: this shell's, 10.9.0.7, and a neighbour's, 10.9.0.9, with a D-Bus and an Avahi of its own.
# Run by `unshare --user --map-root-user --net --mount`. $1: command that is run on the neighbour and ends it all.
set -e
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
# Avahi gives its folder to its own user, and there is but one here.
sed 's/^avahi:.*/avahi:x:0:0::\/run:\/bin\/false/' /etc/passwd > /run/passwd
sed 's/^avahi:.*/avahi:x:0:/' /etc/group > /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
cat > /run/bus.conf <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
END
cat > /run/avahi.conf <<END
[server]
host-name=neighbour
use-ipv6=no
[rlimits]
END
ip link set lo up
ip link add near type veth peer name far
mkfifo /run/ready
unshare --net sh -c 'echo > /run/ready; exec sleep 600' &
neighbour=$!
read -r _ < /run/ready
ip link set far netns $neighbour
ip addr add 10.9.0.7/24 dev near
ip link set near up
on_neighbour() { nsenter --target $neighbour --net "$@"; }
on_neighbour sh -c 'ip link set lo up; ip addr add 10.9.0.9/24 dev far; ip link set far up'
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile --print-address 2> /run/dbus.log > /run/ready &
read -r _ < /run/ready
on_neighbour avahi-daemon --file=/run/avahi.conf --no-drop-root --no-chroot --no-rlimits > /run/avahi.log 2>&1 &
until on_neighbour avahi-resolve --name neighbour.local > /run/first.log 2>&1; do kill -0 $!; sleep 0.1; done
export NEIGHBOUR=$neighbour
exec "$@"
