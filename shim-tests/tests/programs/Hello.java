import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Both ends of a connection, with the addresses that Java chooses by itself. */
class Hello {
    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "serve" -> serve(Integer.parseInt(args[1]));
            case "fetch" -> fetch(args[1], Integer.parseInt(args[2]));
        }
    }

    /** A dual-stack [::], unless java.net.preferIPv4Stack says otherwise. */
    static void serve(int port) throws Exception {
        try (ServerSocket server = new ServerSocket(port)) {
            while (true) {
                try (Socket client = server.accept()) {
                    client.getOutputStream().write("hello\n".getBytes());
                }
            }
        }
    }

    /** A request by java.net, then one by java.nio. */
    static void fetch(String host, int port) throws Exception {
        byte[] request = "GET / HTTP/1.0\r\n\r\n".getBytes();
        try (Socket socket = new Socket(host, port)) {
            socket.getOutputStream().write(request);
            socket.getInputStream().transferTo(System.out);
        }
        try (SocketChannel channel = SocketChannel.open(new InetSocketAddress(host, port))) {
            channel.write(ByteBuffer.wrap(request));
            channel.socket().getInputStream().transferTo(System.out);
        }
    }
}
