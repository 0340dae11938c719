// An HTTP server, and a client that counts how many requests it answers:
//
//	http serve
//		Prints the port that it listens on, on all addresses. The answer to a request is the
//		address that it came from.
//	http request URL MILLISECONDS keep|new
//		By 32 goroutines for so long, on connections that are kept or on a new one for each
//		request. Prints the answer, and the requests a second.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const clients = 32

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(1)
	}
}

func serve() {
	listener, err := net.Listen("tcp", ":0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		io.WriteString(w, host)
	}
	check(http.Serve(listener, http.HandlerFunc(handler)))
}

func get(client *http.Client, url string) string {
	response, err := client.Get(url)
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	response.Body.Close()
	return string(body)
}

func request(url string, limit time.Duration, keep bool) {
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: clients,
		DisableKeepAlives:   !keep,
	}}
	// Tells the source, and is not counted.
	source := get(client, url)
	var count atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for i := 0; i < clients; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Since(begin) < limit {
				get(client, url)
				count.Add(1)
			}
		}()
	}
	all.Wait()
	fmt.Println(source, float64(count.Load())/time.Since(begin).Seconds())
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		serve()
	case len(os.Args) == 5 && os.Args[1] == "request":
		milliseconds, err := strconv.Atoi(os.Args[3])
		check(err)
		request(os.Args[2], time.Duration(milliseconds)*time.Millisecond, os.Args[4] == "keep")
	default:
		os.Exit(2)
	}
}
