// An HTTP server, and a client that counts how many requests it answers:
//
//	http serve
//		Prints the port that it listens on, on all addresses. The answer to a request is the
//		address that it came from, and at /time the nanoseconds that processors have
//		worked for the server.
//	http request URL MILLISECONDS keep|new
//		By 32 goroutines for so long, on connections that are kept or on a new one for each
//		request. Prints the answer, the requests a second, and the nanoseconds that
//		processors worked for a request, server and client together.
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
	"syscall"
	"time"
)

const clients = 32

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "http:", err)
		os.Exit(1)
	}
}

// The nanoseconds that processors have worked for this process.
func worked() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func serve() {
	listener, err := net.Listen("tcp", ":0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		io.WriteString(w, host)
	}
	http.HandleFunc("/", handler)
	http.HandleFunc("/time", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, worked())
	})
	check(http.Serve(listener, nil))
}

func get(client *http.Client, url string) string {
	response, err := client.Get(url)
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	response.Body.Close()
	return string(body)
}

// The same for the server and this process.
func workedByBoth(client *http.Client, url string) int64 {
	server, err := strconv.ParseInt(get(client, url+"time"), 10, 64)
	check(err)
	return server + worked()
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
	before := workedByBoth(client, url)
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
	seconds := time.Since(begin).Seconds()
	work := workedByBoth(client, url) - before
	requests := float64(count.Load())
	fmt.Println(source, requests/seconds, float64(work)/requests)
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
