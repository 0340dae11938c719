//! A program of socket calls, printed as one in C that can be run by itself.

use std::fmt::Write;
use std::net::IpAddr;

use crate::place::Place;
use crate::program::{Call, Choice, Domain, How, Kind, Name, Program, SLOTS, Step};

const BEFORE: &str = r#"#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	char bytes[192];
} name;

static void set_name(int form, int family, const char *address, int port)
{
	memset(&name, 0, sizeof(name));
	if (form == AF_INET)
		inet_pton(form, address, &name.in.sin_addr);
	else
		inet_pton(form, address, &name.in6.sin6_addr);
	name.in.sin_family = family;
	name.in.sin_port = htons(port);
}

__attribute__((unused))
static long send_message(int fd, int length, int source, const char *address, int many)
{
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = "";
	struct iovec data = { "datagram", 8 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &data, .msg_iovlen = 1 } };
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct in_pktinfo info = { 0 };
	struct in6_pktinfo info6 = { 0 };
	size_t size = source == AF_INET ? sizeof(info) : sizeof(info6);

	if (length >= 0) {
		message.msg_hdr.msg_name = &name;
		message.msg_hdr.msg_namelen = length;
	}
	if (source) {
		message.msg_hdr.msg_control = control;
		message.msg_hdr.msg_controllen = CMSG_SPACE(size);
		header->cmsg_level = source == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
		header->cmsg_type = source == AF_INET ? IP_PKTINFO : IPV6_PKTINFO;
		header->cmsg_len = CMSG_LEN(size);
		inet_pton(AF_INET, address, &info.ipi_spec_dst);
		inet_pton(AF_INET6, address, &info6.ipi6_addr);
		memcpy(CMSG_DATA(header), source == AF_INET ? (void *)&info : (void *)&info6, size);
	}
	return many ? sendmmsg(fd, &message, 1, MSG_NOSIGNAL) :
		      sendmsg(fd, &message.msg_hdr, MSG_NOSIGNAL);
}

static void tell(int fd, const char *call, long result)
{
	int number = errno;
	socklen_t length = sizeof(name);
	char text[INET6_ADDRSTRLEN] = "-";

	printf("%s: %ld %s", call, result, result < 0 ? strerror(number) : "");
	if (getsockname(fd, &name.any, &length) == 0)
		printf(", bound to %s port %d",
		       inet_ntop(name.any.sa_family,
				 name.any.sa_family == AF_INET ? (void *)&name.in.sin_addr :
								 (void *)&name.in6.sin6_addr,
				 text, sizeof(text)),
		       ntohs(name.in.sin_port));
	puts("");
	fflush(stdout);
}

/* In a child, which has its own copy of what a library keeps. */
#define IN_CHILD(call)                  \
	do {                            \
		if (fork() == 0) {      \
			call;           \
			_exit(0);       \
		}                       \
		wait(NULL);             \
	} while (0)

"#;

/// The whole program; its peers listen on `place.peer`.
pub fn print(program: &Program, place: &Place) -> String {
    let mut text = String::from("/*");
    let setting = program.setting;
    let assigned = [
        setting.ipv4.map(|address| format!("IPADDR_IPV4={address}")),
        setting.ipv6.map(|address| format!("IPADDR_IPV6={address}")),
    ];
    let _ = write!(
        text,
        "\n * Under {:?}; a TCP listener and a UDP socket are on [::]:{}.\n */\n{BEFORE}",
        assigned.iter().flatten().collect::<Vec<_>>(),
        place.peer
    );
    let slots = ["-1"; SLOTS].join(", ");
    let _ = writeln!(text, "int main(void)\n{{\n\tint fd[] = {{ {slots} }};\n");
    if setting.old {
        // By a socket that is gone before the program begins.
        text.push_str("\tfd[0] = socket(AF_INET, SOCK_DGRAM, 0);\n");
        let name = "set_name(AF_INET, AF_INET, \"127.0.0.1\", 9)";
        let _ = writeln!(text, "\t{name};\n{}\tclose(fd[0]);", burst(0, 16));
    }
    for step in &program.steps {
        text.push_str(&statement(step));
    }
    text.push_str("\treturn 0;\n}\n");
    text
}

fn burst(slot: usize, length: u32) -> String {
    format!(
        "\tfor (int i = 0; i < 70; i++)\n\
         \t\tsendto(fd[{slot}], \"datagram\", 8, MSG_NOSIGNAL, &name.any, {length});\n"
    )
}

fn statement(step: &Step) -> String {
    let slot = step.slot;
    let (before, call) = match step.call {
        Call::Socket(domain, kind) => {
            let socket = socket(domain, kind);
            return format!("\tclose(fd[{slot}]);\n\tfd[{slot}] = {socket};\n");
        }
        Call::Dup(other) => {
            return format!("\tclose(fd[{other}]);\n\tfd[{other}] = dup(fd[{slot}]);\n");
        }
        Call::Close => (String::new(), format!("close(fd[{slot}])")),
        Call::Set(choice, on) => {
            let on = i32::from(on);
            let option = option(choice);
            let set = format!("setsockopt(fd[{slot}], {option}, &(int){{ {on} }}, sizeof(int))");
            (String::new(), set)
        }
        Call::Bind(name) => {
            let bind = format!("bind(fd[{slot}], &name.any, {})", name.length);
            (set_name(&name), bind)
        }
        Call::Connect(name) => {
            let connect = format!("connect(fd[{slot}], &name.any, {})", name.length);
            (set_name(&name), connect)
        }
        Call::Listen => (String::new(), format!("listen(fd[{slot}], 8)")),
        Call::Burst(name) => {
            return format!(
                "\t{}\n{}",
                set_name(&name).trim_end(),
                burst(slot, name.length)
            );
        }
        Call::Send(how, to, source) => send(slot, how, to, source),
    };
    let tell = format!("tell(fd[{slot}], {call:?}, {call})");
    if step.in_child {
        format!("\tIN_CHILD({before}{tell});\n")
    } else if before.is_empty() {
        format!("\t{tell};\n")
    } else {
        format!("\t{}\n\t{tell};\n", before.trim_end())
    }
}

fn socket(domain: Domain, kind: Kind) -> String {
    let domain = match domain {
        Domain::Inet => "AF_INET",
        Domain::Inet6 => "AF_INET6",
    };
    let kind = match kind {
        Kind::Tcp => "SOCK_STREAM, 0",
        Kind::Mptcp => "SOCK_STREAM, IPPROTO_MPTCP",
        Kind::Udp => "SOCK_DGRAM, 0",
    };
    format!("socket({domain}, {kind})")
}

fn option(choice: Choice) -> &'static str {
    match choice {
        Choice::Ipv6Only => "IPPROTO_IPV6, IPV6_V6ONLY",
        Choice::ReuseAddress => "SOL_SOCKET, SO_REUSEADDR",
        Choice::BindAddressNoPort => "IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT",
    }
}

fn send(slot: usize, how: How, to: Option<Name>, source: Option<IpAddr>) -> (String, String) {
    let before = to.as_ref().map(set_name).unwrap_or_default();
    let length = to.map_or(-1, |name| i64::from(name.length));
    let call = match (how, to) {
        (How::SendTo, None) => format!("send(fd[{slot}], \"datagram\", 8, MSG_NOSIGNAL)"),
        (How::SendTo | How::FastOpen, _) => {
            let flags = match how {
                How::FastOpen => "MSG_NOSIGNAL | MSG_FASTOPEN",
                _ => "MSG_NOSIGNAL",
            };
            format!("sendto(fd[{slot}], \"datagram\", 8, {flags}, &name.any, {length})")
        }
        (How::SendMsg | How::SendMmsg, _) => {
            let (form, source) = match source {
                None => ("0", "NULL".to_owned()),
                Some(source) => (form(source), format!("\"{source}\"")),
            };
            let many = i32::from(how == How::SendMmsg);
            format!("send_message(fd[{slot}], {length}, {form}, {source}, {many})")
        }
    };
    (before, call)
}

fn form(address: IpAddr) -> &'static str {
    if address.is_ipv4() {
        "AF_INET"
    } else {
        "AF_INET6"
    }
}

fn set_name(name: &Name) -> String {
    let form = form(name.address);
    let family = if name.unspec { "AF_UNSPEC" } else { form };
    format!(
        "set_name({form}, {family}, \"{}\", {}); ",
        name.address, name.port
    )
}
