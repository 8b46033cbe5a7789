# What NEPI does on a host: POSIX sh and coreutils, nothing else. docs/design/remote-commands.md explains it.
#
# It is sourced by what a controller sends. Everything is called nepi_*, so that no variable of a host or of a user is in the way. Variables that are not what a comment says are scratch.
# CONTROL is the folder with the bookkeeping of a run: commands/TAG.{exit,pid,out,err,in,said}, the pipe "ends", and this file.
# Commands bear TAG in NEPI_COMMAND; a TAG ends in ".", so that none is the beginning of another one.

nepi_uptime() { # sets nepi_up: seconds since the host's boot, whatever anybody does to its clock
	read -r nepi_up nepi_rest </proc/uptime
}

nepi_alive() { # PID TICKS: whether this very process runs still; sets nepi_session
	{ read -r nepi_line <"/proc/$1/stat"; } 2>/dev/null || return 1
	set -- "$2" ${nepi_line##*) }
	case $2 in Z | X) return 1 ;; esac
	nepi_session=$5
	[ "${21}" = "$1" ]
}

nepi_born() { # PID: sets nepi_who, "PID:TICKS", by which nepi_end knows this very process
	nepi_who=$1:
	{ read -r nepi_line <"/proc/$1/stat"; } 2>/dev/null || return 0
	set -- "$1" ${nepi_line##*) }
	nepi_who=$1:${21}
}

nepi_end() { # PID:TICKS...: those of them that run still; their numbers may long be those of other processes
	for nepi_who; do
		! nepi_alive "${nepi_who%:*}" "${nepi_who#*:}" || kill "${nepi_who%:*}" 2>/dev/null
	done
}

nepi_tell() { # PIPE LINE: writes into a pipe if it is there, without waiting for somebody to read it
	[ ! -p "$1" ] || printf '%s\n' "$2" 1<>"$1"
}

# -- the host

nepi_facts() { # prints what `nepi.hosts.remote.host_facts` reads
	printf 'uid %s\nuser %s\nhome %s\n' "$(id -u)" "$(id -un)" "$HOME"
	printf 'kernel %s\narch %s\npath %s\n' "$(uname -sr)" "$(uname -m)" "$PATH"
	read -r nepi_line </proc/sys/kernel/random/boot_id && printf 'boot %s\n' "$nepi_line"
	printf 'cpus %s\n' "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
	while read -r nepi_key nepi_line nepi_rest; do
		[ "$nepi_key" != MemTotal: ] || printf 'memory %s\n' "$nepi_line"
	done </proc/meminfo
	if [ "$(id -u)" = 0 ]; then
		echo 'sudo yes'
	elif nepi_line=$(LC_ALL=C sudo -n true 2>&1); then
		echo 'sudo yes'
	else
		printf 'sudo no %s\n' "$nepi_line"
	fi
	[ ! -r /etc/os-release ] || while IFS= read -r nepi_line; do printf 'os %s\n' "$nepi_line"; done </etc/os-release
	nepi_tools
	echo done
}

nepi_tools() { # prints every program that can be called by its name
	nepi_old=$IFS
	IFS=:
	set -- $PATH /usr/local/sbin /usr/sbin /sbin
	IFS=$nepi_old
	for nepi_folder; do
		for nepi_file in "$nepi_folder"/*; do
			[ ! -x "$nepi_file" ] || [ -d "$nepi_file" ] || printf 'tool %s\n' "${nepi_file##*/}"
		done
	done
}

nepi_setup() { # CONTROL TEXT: makes the folder for the bookkeeping and puts this file there
	mkdir -p -- "$1/commands" && chmod 700 -- "$1" || return
	# Before what may find the disk full: without it, nobody would take the folder for a run's, and remove it.
	[ -p "$1/ends" ] || mkfifo -m 600 -- "$1/ends" || { rmdir -- "$1/commands" "$1" "${1%/*}" && return 1; }
	printf '%s' "$2" | LC_ALL=C cat >"$1/host.sh" || return # cat says what is wrong
	nepi_setsid
	# Without it, what runs in the background ignores SIGINT and SIGQUIT, and keeps to our session.
	if [ -n "$nepi_setsid" ] && $nepi_setsid -f true 2>/dev/null; then echo ready fork; else echo ready background; fi
}

# -- starting

nepi_start() { # TAG CWD STDIN TEXT: stands by TEXT, which ends in nepi_exec; asked again, it does nothing
	if { set -C; printf '%-63s\n' running >"$nepi_control/commands/$1.exit"; } 2>/dev/null; then
		set +C
		if [ "$3" = open ] && ! mkfifo -m 600 -- "$nepi_control/commands/$1.in"; then
			rm -f -- "$nepi_control/commands/$1.exit"
			nepi_tell "$nepi_answers" "failed $1 1 its standard input cannot be made"
			return
		fi
		nepi_tag=$1 nepi_cwd=$2 nepi_text=$4
		nepi_stand_by "$1" "$3"
	elif set +C; [ -s "$nepi_control/commands/$1.exit" ]; then
		nepi_again "$1"
	else
		rm -f -- "$nepi_control/commands/$1.exit"
		# What is wrong is said by a program; the shell's own words are not always of use.
		nepi_line=$(printf '%-63s\n' running | LC_ALL=C cat 2>&1 >"$nepi_control/commands/$1.tried")
		rm -f -- "$nepi_control/commands/$1.tried"
		nepi_tell "$nepi_answers" "failed $1 1 nothing can be written in $nepi_control: ${nepi_line##*: }"
	fi
}

nepi_again() { # TAG: answers for a command that was asked for before, by a connection that was lost
	nepi_n=0
	until [ -s "$nepi_control/commands/$1.pid" ] || [ $nepi_n = 100 ]; do
		nepi_n=$((nepi_n + 1))
		sleep 0.05
	done
	nepi_line='failed '$1' 1 it was asked for before and has not started'
	{ read -r nepi_line <"$nepi_control/commands/$1.pid"; } 2>/dev/null
	nepi_tell "$nepi_answers" "$nepi_line"
}

nepi_begin() { # CONTROL HOW: before nepi_detach; HOW is what nepi_setup has found
	NEPI_ANSWERS=$1/answers.$$
	export NEPI_ANSWERS
	mkfifo -m 600 -- "$NEPI_ANSWERS" || return
	exec 9<>"$NEPI_ANSWERS"
	nepi_setsid
	nepi_how=$2
}

nepi_detach() { # has a shell, which no connection holds, read standard input: calls of nepi_start, joined as a pipeline
	# The parts of a pipeline run side by side, and none of them ignores SIGINT and SIGQUIT, as what runs in the background does.
	if [ "$nepi_how" = fork ]; then
		"$nepi_setsid" -f /bin/sh >/dev/null 2>&1 9<&-
	else
		{ /bin/sh <&8 >/dev/null 2>&1 8<&- 9<&- & } 8<&0
	fi
}

nepi_batch() { # CONTROL: in that shell, before the calls of nepi_start
	nepi_control=$1
	nepi_answers=$NEPI_ANSWERS
	unset NEPI_ANSWERS
	nepi_setsid
}

nepi_setsid() { # sets nepi_setsid: the program, or nothing
	nepi_setsid=
	for nepi_folder in /usr/bin /bin; do
		if [ -x "$nepi_folder/setsid" ]; then nepi_setsid=$nepi_folder/setsid; fi
	done
}

nepi_answered() { # NUMBER FILE...: after that, prints so many answers, and removes what is not needed any more
	nepi_n=$1
	shift
	while [ "$nepi_n" -gt 0 ] && IFS= read -r nepi_line <&9; do
		printf '%s\n' "$nepi_line"
		nepi_n=$((nepi_n - 1))
	done
	rm -f -- "$NEPI_ANSWERS" "$@"
}

nepi_stand_by() { # TAG STDIN: from the start of the command nepi_text in nepi_cwd to its end
	nepi_c=$nepi_control/commands/$1
	# A caught signal is a default one again in the command; an ignored one would stay ignored.
	trap : HUP INT QUIT TERM
	exec 2>"$nepi_c.said"
	nepi_in=$2 nepi_holder=
	case $2 in
	null) nepi_in=/dev/null ;;
	open)
		nepi_in=$nepi_c.in
		# As long as somebody may write to it, what reads it is not at its end.
		# It ends by itself when it is told to: a shell would say that a signal has ended it.
		(
			trap 'kill $!; exit 0' TERM
			sleep 2147483647 &
			wait
		) >"$nepi_in" 2>/dev/null &
		nepi_born $!
		nepi_holder=$nepi_who
		echo "$nepi_holder" >"$nepi_c.holder"
		;;
	esac
	# In the foreground: the shell then says on standard error when a signal has ended it, which no exit status tells for sure.
	(nepi_become) <"$nepi_in" >"$nepi_c.out" 2>"$nepi_c.err"
	nepi_status=$?
	nepi_kind=exit
	[ ! -s "$nepi_c.said" ] && [ $nepi_status != 130 ] && [ $nepi_status != 141 ] || nepi_kind=signal
	[ -z "$nepi_holder" ] || nepi_end "$nepi_holder"
	if [ ! -s "$nepi_c.pid" ]; then
		nepi_line=
		read -r nepi_line <"$nepi_c.said"
		nepi_tell "$nepi_answers" "failed $1 1 ${nepi_line:-it ended before it began}"
	fi
	nepi_uptime
	# Over what was written there at the start, which needs no room on a full disk.
	printf '%-63s\n' "$nepi_kind $nepi_status $nepi_up" 1<>"$nepi_c.exit"
	nepi_wrote
	nepi_left "$nepi_cwd"
	nepi_tell "$nepi_control/ends" "end $1 $nepi_kind $nepi_status $nepi_up $nepi_wrote $nepi_left"
}

nepi_left() { # FOLDER: sets nepi_left: whether there are "files" in it or it is "empty"
	nepi_left=files
	[ -r "$1" ] || return 0
	set -- "$1"/* "$1"/.[!.]* "$1"/..?*
	for nepi_file; do
		if [ -e "$nepi_file" ] || [ -L "$nepi_file" ]; then return 0; fi
	done
	nepi_left=empty
}

nepi_wrote() { # sets nepi_wrote: which outputs of the command nepi_c have something: out, err, both or none
	nepi_wrote=none
	[ ! -s "$nepi_c.out" ] || nepi_wrote=out
	[ ! -s "$nepi_c.err" ] || case $nepi_wrote in out) nepi_wrote=both ;; *) nepi_wrote=err ;; esac
}

nepi_become() { # becomes the command
	read -r nepi_line </proc/self/stat
	nepi_uptime
	nepi_pid=${nepi_line%% *}
	set -- ${nepi_line##*) }
	nepi_words="$nepi_tag $nepi_up $nepi_pid ${20}"
	export NEPI_COMMAND="$nepi_tag"
	[ -d "$nepi_cwd" ] || mkdir -p -- "$nepi_cwd" || nepi_refuse 'its folder cannot be made'
	cd -- "$nepi_cwd" || nepi_refuse 'its folder cannot be entered'
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
	eval "$nepi_text"
	nepi_refuse 'it cannot be executed'
}

nepi_refuse() { # WHY
	echo "failed $nepi_tag 126 $1" >"$nepi_c.pid"
	nepi_tell "$nepi_answers" "failed $nepi_tag 126 $1"
	exit 126
}

nepi_exec() { # PROGRAM ARGUMENT...
	nepi_find "$1"
	if [ -n "$nepi_setsid" ]; then exec "$nepi_setsid" -- "$@"; else exec "$@"; fi
}

nepi_exec_with() { # NAME=VALUE... -- PROGRAM ARGUMENT...: with variables that a shell cannot export
	nepi_n=0
	for nepi_word; do
		nepi_n=$((nepi_n + 1))
		[ "$nepi_word" != -- ] || break
	done
	eval "nepi_find \"\${$((nepi_n + 1))}\""
	nepi_old=$nepi_n
	nepi_n=0
	for nepi_word; do # the same words without the two dashes, which env(1) would take for the program
		nepi_n=$((nepi_n + 1))
		[ $nepi_n != 1 ] || set --
		[ $nepi_n = $nepi_old ] || set -- "$@" "$nepi_word"
	done
	if [ -n "$nepi_setsid" ]; then exec "$nepi_setsid" env -- "$@"; else exec env -- "$@"; fi
}

nepi_find() { # PROGRAM: says that it is about to be executed, or ends when it is not there
	nepi_there=no
	case $1 in
	*/*) nepi_is_program "$1" ;;
	*)
		nepi_path=$PATH:
		while [ -n "$nepi_path" ] && [ $nepi_there = no ]; do
			nepi_folder=${nepi_path%%:*}
			nepi_path=${nepi_path#*:}
			nepi_is_program "${nepi_folder:-.}/$1"
		done
		;;
	esac
	[ $nepi_there = yes ] || nepi_refuse "$nepi_there"
	echo "started $nepi_words" >"$nepi_c.pid" || nepi_refuse 'there is no room for its process id'
	nepi_tell "$nepi_answers" "started $nepi_words"
}

nepi_is_program() { # FILE: sets nepi_there
	if [ ! -f "$1" ]; then nepi_there=no; elif [ -x "$1" ]; then nepi_there=yes; else nepi_there='it is not executable'; fi
	case $nepi_there$1 in no*/*) [ ! -d "$1" ] || nepi_there=no ;; esac
}

# -- what became of them

nepi_ends() { # CONTROL TAG...: for each "end", "runs" or "gone" (nobody saw its end)
	nepi_control=$1
	shift
	for nepi_tag; do
		nepi_c=$nepi_control/commands/$nepi_tag
		nepi_kind=gone nepi_line= nepi_rest=
		{ read -r nepi_kind nepi_line nepi_rest <"$nepi_c.exit"; } 2>/dev/null
		case $nepi_kind in
		exit | signal) nepi_line="end $nepi_tag $nepi_kind $nepi_line $nepi_rest" ;;
		esac
		nepi_pid= nepi_up= nepi_ticks=
		{ read -r nepi_word nepi_rest nepi_up nepi_pid nepi_ticks <"$nepi_c.pid"; } 2>/dev/null
		case $nepi_kind in
		exit | signal)
			nepi_wrote
			printf '%s %s files %s %s %s\n' "$nepi_line" "$nepi_wrote" "$nepi_up" "$nepi_pid" "$nepi_ticks"
			;;
		*)
			if [ -z "$nepi_pid" ] && [ "$nepi_kind" = running ]; then
				printf 'asked %s\n' "$nepi_tag"
			elif [ -n "$nepi_pid" ] && nepi_alive "$nepi_pid" "$nepi_ticks"; then
				printf 'runs %s %s %s %s\n' "$nepi_tag" "$nepi_up" "$nepi_pid" "$nepi_ticks"
			else
				printf 'gone %s\n' "$nepi_tag"
			fi
			;;
		esac
	done
}

nepi_outputs() { # LIMIT (FILE OFFSET)...: prints sizes, and what comes after OFFSET if that is no more than LIMIT bytes
	nepi_limit=$1
	shift
	nepi_sizes=$(nepi_sizes "$@")
	for nepi_size in $nepi_sizes; do
		nepi_length=0
		if [ "$nepi_size" != gone ]; then
			nepi_length=$((nepi_size - $2))
			if [ $nepi_length -lt 0 ] || [ $nepi_length -gt "$nepi_limit" ]; then nepi_length=0; fi
		fi
		printf '%s %s\n' "$nepi_size" $nepi_length
		if [ $nepi_length -gt 0 ]; then
			if [ "$2" = 0 ]; then head -c $nepi_length -- "$1"; else tail -c "+$(($2 + 1))" -- "$1" | head -c $nepi_length; fi
		fi
		shift 2
	done
}

nepi_sizes() { # (FILE OFFSET)...: prints the size of each file, or "gone"
	nepi_n=0
	for nepi_file; do # the files alone
		nepi_n=$((nepi_n + 1))
		[ $nepi_n != 1 ] || set --
		[ $((nepi_n % 2)) = 0 ] || set -- "$@" "$nepi_file"
	done
	if nepi_line=$(stat -c %s -- "$@" 2>/dev/null); then
		printf '%s\n' "$nepi_line"
	else
		for nepi_file; do stat -c %s -- "$nepi_file" 2>/dev/null || echo gone; done
	fi
}

nepi_digest() { # FILE SIZE: prints the SHA-256 of its first SIZE bytes
	head -c "$2" -- "$1" | sha256sum
}

nepi_folder() { # FOLDER: prints "digest  ./path" of each file in it
	cd -- "$1" 2>/dev/null || return 0
	LC_ALL=C find . -type f ! -name '*
*' -exec sha256sum -- {} +
}

# -- ending

nepi_tree() { # sets nepi_found, "pid:ticks" of each process of $nepi_tags that runs
	nepi_found= nepi_patterns= nepi_sessions=
	[ -n "$nepi_tags" ] || return 0
	for nepi_tag in $nepi_tags; do
		nepi_patterns="$nepi_patterns -e NEPI_COMMAND=$nepi_tag"
		if [ -e "$nepi_control/commands/$nepi_tag.pid" ]; then
			nepi_known "$nepi_control/commands/$nepi_tag.pid"
		else # it may be what several begin with
			for nepi_file in "$nepi_control/commands/$nepi_tag"*.pid; do nepi_known "$nepi_file"; done
		fi
	done
	for nepi_file in $(grep -lzF $nepi_patterns /proc/[0-9]*/environ 2>/dev/null); do
		nepi_add "$nepi_file"
	done
	[ -z "$nepi_sessions" ] || for nepi_file in /proc/[0-9]*/stat; do
		{ read -r nepi_line <"$nepi_file"; } 2>/dev/null || continue
		set -- ${nepi_line##*) }
		case $nepi_sessions in *" $4 "*) nepi_add "$nepi_file" ;; esac
	done
}

nepi_known() { # FILE.pid: adds the command that it tells of to nepi_found, and the session that it leads to nepi_sessions
	nepi_pid=
	{ read -r nepi_word nepi_rest nepi_up nepi_pid nepi_ticks <"$1"; } 2>/dev/null
	if [ -n "$nepi_pid" ] && nepi_alive "$nepi_pid" "$nepi_ticks"; then
		nepi_found="$nepi_found $nepi_pid:$nepi_ticks"
		# With setsid it leads a session: whoever is in it belongs to it, whatever became of the environment.
		[ "$nepi_session" != "$nepi_pid" ] || nepi_sessions="$nepi_sessions $nepi_pid "
	fi
}

nepi_add() { # /proc/PID/FILE: adds a process to nepi_found
	nepi_pid=${1#/proc/}
	nepi_pid=${nepi_pid%/*}
	{ read -r nepi_line <"/proc/$nepi_pid/stat"; } 2>/dev/null || return 0
	set -- ${nepi_line##*) }
	case $1 in Z | X) return 0 ;; esac
	case " $nepi_found " in *" $nepi_pid:${20} "*) ;; *) nepi_found="$nepi_found $nepi_pid:${20}" ;; esac
}

nepi_living() { # keeps in nepi_found who runs still
	nepi_left=
	for nepi_word in $nepi_found; do
		! nepi_alive "${nepi_word%:*}" "${nepi_word#*:}" || nepi_left="$nepi_left $nepi_word"
	done
	nepi_found=$nepi_left
}

nepi_kill() { # SIGNAL: sends it to nepi_found
	nepi_living
	for nepi_word in $nepi_found; do kill -s "$1" "${nepi_word%:*}" 2>/dev/null; done
}

nepi_stop() { # CONTROL ROUNDS TAG...: TERM, and KILL to what is left after ROUNDS looks, 20 ms apart; prints what is left after all
	nepi_control=$1
	nepi_rounds=$2
	shift 2
	nepi_tags=$*
	nepi_tree
	if [ "$nepi_rounds" -gt 0 ]; then
		nepi_kill TERM
		nepi_living
		while [ "$nepi_rounds" -gt 0 ]; do
			# When those that were known have ended, there may be others that these have started meanwhile.
			[ -n "$nepi_found" ] || { nepi_tree && [ -n "$nepi_found" ]; } || break
			sleep 0.02
			nepi_rounds=$((nepi_rounds - 1))
			nepi_living
		done
	fi
	nepi_rounds=250
	nepi_tree
	while [ -n "$nepi_found" ] && [ $nepi_rounds -gt 0 ]; do
		nepi_kill KILL
		sleep 0.02
		nepi_living
		[ -n "$nepi_found" ] || nepi_tree
		nepi_rounds=$((nepi_rounds - 1))
	done
	echo "left$nepi_found"
}

nepi_remove() { # FOLDER: removes a run's folder and says so; its mark goes last, so that what is interrupted can be asked for again
	if [ -e "$1" ] || [ -L "$1" ]; then
		[ -p "$1/.control/ends" ] || { echo "$1 is not the folder of a run" >&2 && return 1; }
		nepi_is_plain "$1" || return
		nepi_left=
		for nepi_file in "$1"/* "$1"/.[!.]* "$1"/..?*; do
			[ "$nepi_file" = "$1/.control" ] || rm -rf -- "$nepi_file" || nepi_left=some
		done
		[ -z "$nepi_left" ] && rm -rf -- "$1/.control/commands" && rm -rf -- "$1" || return
	fi
	echo removed
}

nepi_is_plain() { # FOLDER: whether nothing is mounted in it, which would be emptied with it
	nepi_folder=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 0
	while read -r nepi_word nepi_line nepi_rest; do
		case $nepi_line in *\\0*) nepi_line=$(printf '%b' "$nepi_line") ;; esac # spaces are written as \040 there
		case $nepi_line in "$nepi_folder"/*) echo "$nepi_line is mounted: unmount it first, or it would be emptied" >&2 && return 1 ;; esac
	done </proc/self/mounts
}

nepi_signal() { # PID TICKS SIGNAL
	! nepi_alive "$1" "$2" || kill -s "$3" "$1" 2>/dev/null || ! nepi_alive "$1" "$2" || {
		echo "refused"
	}
}

# -- standard input

nepi_write() { # CONTROL TAG EOF: writes what comes to the standard input of a command that left it open; prints why not
	nepi_c=$1/commands/$2
	[ -p "$nepi_c.in" ] || { echo 'it was not left open' && return; }
	[ ! -e "$nepi_c.closed" ] || { echo 'it was closed before' && return; }
	set -- "$3" $(nepi_ends "$1" "$2")
	[ "$2" = runs ] || { echo 'it has ended' && return; }
	# Opened for reading, too, for a moment: so nothing waits for a reader, and a command that has none any more is noticed.
	exec 8<>"$nepi_c.in"
	exec 7>"$nepi_c.in" 8<&-
	trap '' PIPE
	cat >&7 2>/dev/null || { echo 'it does not read any more' && return; }
	exec 7>&-
	if [ "$1" = eof ]; then
		echo >"$nepi_c.closed"
		read -r nepi_who <"$nepi_c.holder" && nepi_end "$nepi_who"
	fi
	echo written
}

# -- watching

nepi_watch() { # CONTROL: prints "ready BOOT", then each end as it comes and what is asked for on standard input, until that ends
	nepi_control=$1
	exec 2>/dev/null
	{ read -r nepi_pid nepi_ticks nepi_word nepi_rest <"$1/watcher"; } && {
		# The one of a connection that was lost would take messages from us.
		! nepi_alive "$nepi_word" "$nepi_rest" || kill -s KILL "$nepi_word" 2>/dev/null
		if nepi_alive "$nepi_pid" "$nepi_ticks"; then
			nepi_line= # what it has started, which would follow outputs for ever
			{ read -r nepi_line <"/proc/$nepi_pid/task/$nepi_pid/children"; }
			kill -s KILL "$nepi_pid" $nepi_line
		fi
	}
	nepi_tails= nepi_ports= nepi_slow=
	exec 3<>"$1/ends" # all that is printed goes through it, so that lines stay whole
	cat <&3 &
	nepi_born $!
	nepi_cat=$nepi_who
	set -- $$ ${nepi_cat%:*}
	nepi_words=
	for nepi_pid; do
		read -r nepi_line <"/proc/$nepi_pid/stat"
		set -- ${nepi_line##*) }
		nepi_words="$nepi_words $nepi_pid ${20}"
	done
	echo "${nepi_words# }" >"$nepi_control/watcher"
	! tail -s 0.1 /dev/null 2>/dev/null || nepi_slow='-s 0.1'
	read -r nepi_line </proc/sys/kernel/random/boot_id
	echo "ready $nepi_line" >&3
	while IFS= read -r nepi_line; do
		case $nepi_line in
		clock)
			nepi_uptime
			echo "clock $(date +%s.%N) $nepi_up" >&3
			;;
		"ports "*)
			nepi_word=${nepi_line#ports }
			[ -z "$nepi_ports" ] || nepi_end "$nepi_ports"
			nepi_listening $nepi_word </dev/null >&3 &
			nepi_born $!
			nepi_ports=$nepi_who
			;;
		"follow "*) nepi_follow ${nepi_line#follow } ;;
		"unfollow "*)
			eval "nepi_who=\${nepi_tail_${nepi_line##* }-}"
			[ -z "$nepi_who" ] || nepi_end "$nepi_who"
			;;
		esac
	done
	nepi_end $nepi_cat $nepi_ports $nepi_tails
}

nepi_follow() { # NUMBER OFFSET TAG.STREAM: says "grown NUMBER" whenever there is more in that output
	nepi_pipe=$nepi_control/follow.$$.$1
	mkfifo -m 600 -- "$nepi_pipe" || return
	# Both ends are opened here, where neither waits for the other: whoever is killed early leaves nobody waiting.
	exec 5<>"$nepi_pipe"
	exec 6<"$nepi_pipe" 7>"$nepi_pipe" 5<&-
	rm -f -- "$nepi_pipe"
	tail -c "+$(($2 + 1))" $nepi_slow -f -- "$nepi_control/commands/$3" </dev/null >&7 3>&- 6<&- 7>&- &
	nepi_born $!
	eval "nepi_tail_$1=$nepi_who"
	nepi_tails="$nepi_tails $nepi_who"
	while nepi_n=$(dd bs=65536 count=1 2>/dev/null | wc -c) && [ "$nepi_n" -gt 0 ]; do
		echo "grown $1" >&3
		sleep 0.02
	done <&6 >/dev/null 6<&- 7>&- &
	exec 6<&- 7>&-
}

nepi_listening() { # (PROTOCOL:PORT in hexadecimal)...: prints "listening PROTOCOL:PORT" for each, when it does
	nepi_wanted=" $* "
	while :; do
		nepi_scan tcp 0A tcp
		nepi_scan tcp 0A tcp6
		nepi_scan udp 07 udp
		nepi_scan udp 07 udp6
		case $nepi_wanted in *[!\ ]*) sleep 0.05 ;; *) return ;; esac
	done
}

nepi_scan() { # PROTOCOL STATE FILE: looks for sockets in that state; the kernel tells nobody when there is a new one
	case $nepi_wanted in *" $1:"*) [ -r "/proc/net/$3" ] || return 0 ;; *) return 0 ;; esac
	while read -r nepi_n nepi_line nepi_old nepi_kind nepi_rest; do
		[ "$nepi_kind" = "$2" ] || continue
		nepi_line=$1:${nepi_line##*:}
		case $nepi_wanted in *" $nepi_line "*)
			echo "listening $nepi_line"
			nepi_wanted="${nepi_wanted%%" $nepi_line "*} ${nepi_wanted#*" $nepi_line "}"
			;;
		esac
	done <"/proc/net/$3"
}
