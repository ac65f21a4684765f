package main

import (
	"bytes"
	"image/color"
	"os"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// curves are a world over time, by the second.
func (w *world) curves(seconds int) (requests, successes, underWay plotter.XYs) {
	series := make([]plotter.XYs, 3)
	for i := range series {
		series[i] = make(plotter.XYs, seconds)
		for second := range seconds {
			series[i][second].X = float64(second)
		}
	}
	add := func(to plotter.XYs, at time.Duration, by float64) {
		if second := int(at / time.Second); second < seconds {
			to[second].Y += by
		}
	}
	for _, a := range w.attempts {
		add(series[0], a.at, 1)
	}
	for _, c := range w.calls {
		if c.ok {
			add(series[1], c.ended, 1)
		}
		add(series[2], c.began, 1)
		add(series[2], c.ended, -1)
	}
	for second := 1; second < seconds; second++ {
		series[2][second].Y += series[2][second-1].Y
	}
	return series[0], series[1], series[2]
}

// draw draws requests, successes and calls under way over time.
func draw(path string, s *story, worlds []*world) error {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	plot.DefaultFont, plotter.DefaultFont = sans, sans
	plots := make([][]*plot.Plot, 3)
	for i, title := range []string{"requests per second", "calls succeeded per second", "calls under way at the end of each second"} {
		p := plot.New()
		p.Title.Text, p.Title.TextStyle.Font.Size = title, vg.Points(11)
		p.Title.Padding, p.Y.Min = vg.Points(4), 0
		p.Add(plotter.NewGrid())
		plots[i] = []*plot.Plot{p}
	}
	plots[0][0].Title.Text = s.caption + "\n" + plots[0][0].Title.Text
	plots[2][0].X.Label.Text = "seconds; dotted: the server changes"
	lines := make([]*plotter.Line, len(contenders))
	for i, c := range slices.Backward(contenders) { // the first one is on top
		requests, successes, underWay := worlds[i].curves(int(s.length / time.Second))
		for j, xys := range []plotter.XYs{requests, successes, underWay} {
			line, err := plotter.NewLine(xys)
			if err != nil {
				return err
			}
			line.Color, line.Width = c.color, vg.Points(1.5)
			if c.dashed {
				line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			}
			p := plots[j][0]
			p.Add(line)
			lines[i] = line
		}
	}
	for _, row := range plots {
		p := row[0]
		for _, at := range s.marks {
			mark, err := plotter.NewLine(plotter.XYs{{X: at, Y: 0}, {X: at, Y: p.Y.Max}})
			if err != nil {
				return err
			}
			mark.Color, mark.Dashes = color.Gray{Y: 0x60}, []vg.Length{vg.Points(1), vg.Points(2)}
			p.Add(mark)
		}
	}
	const width, height, strip = 8 * vg.Inch, 8.8 * vg.Inch, 1.55 * vg.Inch
	canvas := vgsvg.New(width, height)
	whole := vgdraw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Path())
	tiles := vgdraw.Tiles{Rows: 3, Cols: 1, PadY: vg.Points(8), PadRight: vg.Points(10), PadLeft: vg.Points(4), PadTop: vg.Points(6)}
	for i, row := range plot.Align(plots, tiles, vgdraw.Crop(whole, 0, 0, strip, 0)) {
		plots[i][0].Draw(row[0])
	}
	// The legend stands in a strip of its own, below the lines.
	legend := plot.NewLegend()
	for i := range contenders {
		legend.Add(contenders[i].name, lines[i])
	}
	legend.Left, legend.Top, legend.XOffs, legend.Padding = true, true, vg.Points(40), vg.Points(2)
	legend.Draw(vgdraw.Crop(whole, 0, 0, 0, strip-height))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	// The font is as wide as these, and not everybody has it.
	out := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return os.WriteFile(path, out, 0o644)
}
