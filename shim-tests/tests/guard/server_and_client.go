// A server on all addresses, and clients of TCP and UDP: where each is bound, and what becomes of a
// bind to another address.
package main

import (
	"fmt"
	"net"
	"os"
)

func host(address net.Addr) string {
	text, _, _ := net.SplitHostPort(address.String())
	return text
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	listener, err := net.Listen("tcp", ":0")
	check(err)
	own := host(listener.Addr())
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if own == "::" {
		own = "[::]"
	}
	target := own
	if target == "[::]" {
		target = "127.0.0.1"
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(connection, host(connection.RemoteAddr()))
			connection.Close()
		}
	}()
	client, err := net.Dial("tcp", target+":"+port)
	check(err)
	var seen string
	fmt.Fscanln(client, &seen)
	datagrams, err := net.Dial("udp", "127.0.0.1:9")
	check(err)
	_, err = net.Listen("tcp", "127.0.0.3:0")
	fmt.Println(own, seen, host(datagrams.LocalAddr()), err)
}
