# The first process of a host: makes its file system, its network and its SSH server, then waits; when it ends, everything in the host does.
# sh init.sh NAME HIDDEN_FOLDER
set -eu
umask 022
name=$1
hidden=$2
disk=/run/$name
root=$disk/root

mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" nepi-lab "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/sshd" "$root/run/netns" "$root/run/lock"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
[ ! -e /dev/net/tun ] || cp -a /dev/net/tun "$root/dev/net/"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
rm -rf "$disk/tmp"
mkdir -m 1777 "$disk/tmp"
chmod 1777 "$disk/tmp"
mount --bind "$disk/home" "$root/home"
mount --bind "$disk/superuser" "$root/root"
mount --bind "$disk/tmp" "$root/tmp"
# The lab's own folder has the key to all hosts.
[ ! -d "$root/$hidden" ] || mount -t tmpfs -o mode=700,ro tmpfs "$root/$hidden"
cat /proc/sys/kernel/random/uuid >"$root/run/boot_id"
mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
hostname "$name"

echo here
read -r go
ip -batch "$disk/net"
exec 3</run/lifeline
cd "$root"
pivot_root . .
umount -l .
cd /
/usr/sbin/sshd -E /var/log/sshd.log || { cat /var/log/sshd.log; exit 1; }
# It writes its pid when it listens, and not before; there is no other sign without a process more.
tries=0
until [ -s /run/sshd.pid ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || { echo "the SSH server does not listen"; cat /var/log/sshd.log; exit 1; }
    sleep 0.01
done
echo ready
exec </dev/null >/dev/null 2>&1
# A shell that waits also buries orphans.
cat <&3 3<&- &
exec 3<&-
wait $!
