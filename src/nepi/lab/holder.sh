# Holds the hosts' disks, so that they outlive a reboot of the host, and the network namespace of the bridges. Hosts end when it does.
# sh holder.sh SIZE_BYTES NAME...; told on standard input whether it ends with it ("tied") or stays until it is killed ("stay").
set -eu
umask 022
size=$1
shift
mount -t tmpfs -o mode=755 nepi-lab /run
for name in "$@"; do
    mkdir "/run/$name"
    mount -t tmpfs -o "mode=755,size=$size" "nepi-lab-$name" "/run/$name"
    mkdir "/run/$name/upper" "/run/$name/work" "/run/$name/root" "/run/$name/home" "/run/$name/superuser" "/run/$name/tmp"
done
# Hosts read from here, and nobody writes: the end comes when this process, the only one that could, is gone.
mkfifo /run/lifeline
exec 4<>/run/lifeline
echo here
read -r how
exec >/dev/null 2>&1
[ "$how" = tied ] && exec cat
exec sleep infinity </dev/null
